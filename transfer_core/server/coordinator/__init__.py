"""What the relay knows of the machines that share folders, for people and programs: REST, OpenAPI and a WebSocket.

It watches and never decides content. `base` says what is kept, `sqlite` and `postgres` keep it, `app` answers HTTP,
`live` tells whoever listens, `coordinator` holds them together. May import: everything below the server.
"""
