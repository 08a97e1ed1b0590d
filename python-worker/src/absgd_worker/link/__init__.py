"""The way to a controller: messages, records, sockets, the spool, and the thread that owns them."""
