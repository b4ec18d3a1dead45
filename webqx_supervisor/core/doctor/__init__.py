"""What of a machine stands in the way: readings in, findings out."""
