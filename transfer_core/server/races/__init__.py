"""Races for a team: accounts, the reference's REST endpoints, and viewers over WebSocket.

    accounts   who may what: users, passwords, sessions, reset tokens (SQLite)
    throttle   how often something may be tried
    fan_out    one frame a tick for all viewers of a race
    app        the application, its routes in user_api and race_api; viewers in viewer_api
    race_side  served from a thread of its own

May import everything below `server`.
"""
