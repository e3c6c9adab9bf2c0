"""The sentinel's hands and eyes, one file per outside thing; nothing here decides a verdict."""
