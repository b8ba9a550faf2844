"""What happens, told as it happens: whoever counts or charts it listens here."""
