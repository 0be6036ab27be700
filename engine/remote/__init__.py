"""Services over HTTP: the one client, what it may send where, and the account of what was asked."""
