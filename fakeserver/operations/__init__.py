"""Operations on single documents: what they find, what they change, and what else than sandboxes there is."""
