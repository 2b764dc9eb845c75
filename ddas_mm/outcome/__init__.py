"""What a search leaves: configs, record, report, pictures."""
