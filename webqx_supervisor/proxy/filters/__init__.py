"""What is asked of a request before it is carried out, one filter a file; see way and ways."""
