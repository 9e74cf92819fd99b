"""The wire: how requests reach a server and answers come back."""
