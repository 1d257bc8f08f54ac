"""What there is: seeded documents, what was changed over them, and the keys they are filed under."""
