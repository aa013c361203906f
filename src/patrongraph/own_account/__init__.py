"""What patrons do themselves: sign in, and see their own account."""
