"""The Sync page: folders that several machines keep the same. May import models, widgets and theme."""
