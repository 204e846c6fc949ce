"""Every deployment that could serve, evaluated in columns, with the reason for each rejection."""
