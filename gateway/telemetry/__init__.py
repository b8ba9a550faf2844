"""What happened, told once: whoever counts, charts or exports it listens here."""
