"""What remains of loans when patrons are gone."""
