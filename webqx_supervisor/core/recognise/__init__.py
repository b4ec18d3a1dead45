"""What kind of project a folder holds, seen by the names and texts in it."""
