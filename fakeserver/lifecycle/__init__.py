"""Operations on single documents: what they find, make and change, and what else than sandboxes there is."""
