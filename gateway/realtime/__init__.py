"""The users' sockets. Socket.IO lives here."""
