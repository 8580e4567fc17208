"""Import an Osmedeus base: its database, and its logs for what the database does not have."""
