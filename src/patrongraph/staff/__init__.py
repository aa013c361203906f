"""Staff, roles, sessions and API tokens: who acts."""
