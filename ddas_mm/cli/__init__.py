"""What is typed: commands, their options, and how they end."""
