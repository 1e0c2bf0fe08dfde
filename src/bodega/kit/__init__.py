"""What every service stands on. No word of commerce in it; it imports neither contracts nor services."""
