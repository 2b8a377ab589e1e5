"""Every error that a person or a program can be shown, as one tree with stable codes.

    DrsError                        code, what happened, what to do, whether trying again can help
    |- UsageError                   NotFoundError ConflictError ConfigError, TooLarge MediaTypeRefused TooMany
    |- ProtocolError
    |  |- LocalProtocolError        this program used a state machine in the wrong state
    |  |- RemoteProtocolError       an authenticated peer broke the protocol
    |  `- DatagramRefused           a telemetry datagram is not what its layout says
    |- SecurityError                TokenInvalid TokenExpired TokenUsed, UnknownPeer VersionRefused CredentialRefused
    |- LinkError                    LinkDown NoUsableLink BindRefused PortInUse PeerStalled ServerSilent
    |- DestinationError             ServerRefused ServerBusy BadAnswer CertificateRefused
    |- SourceError                  SourceMissing SourceUnreadable SourceChanged
    |- StorageError                 DiskFull QuotaExceeded NameRefused WriteFailed
    |- IntegrityError               ChunkHashMismatch FileHashMismatch
    |- StateError                   StateLocked StateCorrupt StateNewer StoreGone
    |- EngineGone                   the engine's own process ended
    |- NoAnswer                     the engine lives, and does not get through with what it was asked
    `- Cancelled

The `code` of a class never changes: it is logged, sent over the wire and looked up by programs.
"""

from __future__ import annotations

from typing import ClassVar


class DrsError(Exception):
    """Something went wrong that a person can be told about.

    `str(error)` says what happened; `hint` says what to do; `code` is stable.
    """

    code: ClassVar[str] = "E_INTERNAL"
    default_hint: ClassVar[str] = "Look at the log, and report it with the code if it happens again."
    retryable: ClassVar[bool] = False
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = self.default_hint if hint is None else hint

    def one_line(self) -> str:
        """`CODE: what happened. What to do.` without line breaks, for stderr and logs."""
        text = f"{self.code}: {self.message.rstrip('.')}. {self.hint}"
        return " ".join(text.split())


class UsageError(DrsError):
    """The caller asked for something that can't be done."""

    code = "E_USAGE"
    default_hint = "See --help."
    http_status = 400


class NotFoundError(UsageError):
    """No job, link or destination has that name."""

    code = "E_NOT_FOUND"
    default_hint = "List what there is with `drs-sync status` or `drs-sync scan`."
    http_status = 404


class ConflictError(UsageError):
    """The job's state does not allow what was asked for."""

    code = "E_CONFLICT"
    default_hint = "Look at the job's state first."
    http_status = 409


class ConfigError(UsageError):
    """A settings or simulation file holds something that can't be used."""

    code = "E_CONFIG"
    default_hint = "Correct the named key."


class TooLarge(UsageError):
    """A body or a file is larger than it may be, or than it was said to be."""

    code = "E_TOO_LARGE"
    default_hint = "Send what was announced, or raise the relay's limit."
    http_status = 413


class MediaTypeRefused(UsageError):
    """The body is not of the kind that is taken here."""

    code = "E_MEDIA_TYPE"
    default_hint = "Look at /docs for what this address takes."
    http_status = 415


class TooMany(UsageError):
    """A limit on how many or how often is reached for now."""

    code = "E_TOO_MANY"
    default_hint = "Wait as long as Retry-After says, then go on."
    retryable = True
    http_status = 429


class ProtocolError(DrsError):
    """The wire protocol was broken by one side."""

    code = "E_PROTOCOL"


class LocalProtocolError(ProtocolError):
    """This program used a state machine in the wrong state."""

    code = "E_PROTOCOL_LOCAL"


class RemoteProtocolError(ProtocolError):
    """An authenticated peer sent something that the protocol does not allow."""

    code = "E_PROTOCOL_REMOTE"
    default_hint = "Update both sides to the same version."


class DatagramRefused(ProtocolError):
    """A telemetry datagram can't be decoded."""

    code = "E_DATAGRAM"
    default_hint = "Compare what the sender sends with the layout that is given here."
    http_status = 400


class SecurityError(DrsError):
    """Trust could not be established."""

    code = "E_SECURITY"
    http_status = 403


class TokenInvalid(SecurityError):
    """The text is no pairing token, or a damaged one."""

    code = "E_TOKEN_INVALID"
    default_hint = "Copy the whole token again from `drs-sync relay pair`."
    http_status = 400


class TokenExpired(SecurityError):
    """The pairing token's time is over."""

    code = "E_TOKEN_EXPIRED"
    default_hint = "Make a new one with `drs-sync relay pair` and use it before it expires."


class TokenUsed(SecurityError):
    """Another agent has already paired with this token."""

    code = "E_TOKEN_USED"
    default_hint = "Make a new one with `drs-sync relay pair`; each token pairs one agent."


class UnknownPeer(SecurityError):
    """The relay does not know this agent any more."""

    code = "E_UNKNOWN_PEER"
    default_hint = "Pair again with a new token."


class VersionRefused(SecurityError):
    """The relay does not take agents of this version."""

    code = "E_VERSION_REFUSED"
    default_hint = "Update this program to the relay's version."


class CredentialRefused(SecurityError):
    """A request over HTTP came without a credential that is known here."""

    code = "E_CREDENTIAL"
    default_hint = "Pair again, or send a token of `drs-sync relay http-token` as Authorization: Bearer."
    http_status = 401


class LinkError(DrsError):
    """A way to the relay can't be used just now."""

    code = "E_LINK"
    default_hint = "Check the link; the transfer goes on by itself when it is back."
    retryable = True
    http_status = 503


class LinkDown(LinkError):
    """The interface is down or gone."""

    code = "E_LINK_DOWN"


class NoUsableLink(LinkError):
    """No link is up that could reach the relay."""

    code = "E_NO_LINK"
    default_hint = "Connect a network; `drs-sync scan` says why each link is left out."


class BindRefused(LinkError):
    """The system does not let this program bind a socket to that interface."""

    code = "E_BIND_REFUSED"
    default_hint = "Run with the right to bind to devices (CAP_NET_RAW), or leave the link out."


class PortInUse(LinkError):
    """Another program listens on that address."""

    code = "E_PORT_IN_USE"
    default_hint = "Stop the other program or choose another port with --listen."
    retryable = False


class PeerStalled(LinkError):
    """The other side stopped in the middle of what it was saying."""

    code = "E_STALLED"
    default_hint = "Ask how far it came, and go on from there."
    http_status = 408


class ServerSilent(LinkError):
    """An upload server can't be reached, or the connection to it broke."""

    code = "E_SERVER_SILENT"
    default_hint = "Check the network and the server's address; the upload goes on by itself."


class DestinationError(DrsError):
    """An upload server did not do what it was asked."""

    code = "E_DESTINATION"
    retryable = True
    http_status = 502

    def __init__(self, message: str, *, hint: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s  # how long the server asks to wait


class ServerRefused(DestinationError):
    """The server says no, and will again."""

    code = "E_SERVER_REFUSED"
    default_hint = "Correct what the server complains of, then retry the job."
    retryable = False


class ServerBusy(DestinationError):
    """The server says not now."""

    code = "E_SERVER_BUSY"
    default_hint = "It is tried again by itself."


class BadAnswer(DestinationError):
    """What answered does not speak the destination's protocol, such as the login page of a hotel's network."""

    code = "E_BAD_ANSWER"
    default_hint = "Check the destination's address and kind, and whether the network wants a login."


class CertificateRefused(DestinationError):
    """What answers shows a certificate that is not trusted, or another one than was pinned."""

    code = "E_CERTIFICATE"
    default_hint = "Check the address, and whether the certificate was changed by whom it belongs to."


class SourceError(DrsError):
    """The file to send is not as it was when it was queued."""

    code = "E_SOURCE"
    http_status = 409


class SourceMissing(SourceError):
    """The file to send is gone."""

    code = "E_SOURCE_MISSING"
    default_hint = "Put the file back and retry, or remove the job."


class SourceUnreadable(SourceError):
    """The file to send can't be read."""

    code = "E_SOURCE_UNREADABLE"
    default_hint = "Check its permissions and its disk, then retry."


class SourceChanged(SourceError):
    """The file to send changed while it was sent."""

    code = "E_SOURCE_CHANGED"
    default_hint = "It is sent again from the start once it stops changing."
    retryable = True


class StorageError(DrsError):
    """The receiving disk did not take the data."""

    code = "E_STORAGE"
    retryable = True
    http_status = 507


class DiskFull(StorageError):
    """There is no room left."""

    code = "E_DISK_FULL"
    default_hint = "Free some space there; the transfer goes on by itself."


class QuotaExceeded(StorageError):
    """The relay's limit for this agent is reached."""

    code = "E_QUOTA"
    default_hint = "Raise the relay's quota or clear what has arrived; the transfer goes on by itself."


class NameRefused(StorageError):
    """The name can't be stored safely under the relay's folder."""

    code = "E_NAME_REFUSED"
    default_hint = "Choose another destination path."
    retryable = False
    http_status = 400


class WriteFailed(StorageError):
    """The system refused a write."""

    code = "E_WRITE"
    default_hint = "Check the disk and the permissions of the relay's folder."


class IntegrityError(DrsError):
    """What arrived is not what was sent."""

    code = "E_INTEGRITY"
    retryable = True
    http_status = 422


class ChunkHashMismatch(IntegrityError):
    """A chunk's xxHash64 does not match its data."""

    code = "E_CHUNK_HASH"
    default_hint = "The chunk is sent again by itself."


class FileHashMismatch(IntegrityError):
    """The whole file's hash at the relay is not the one of the source."""

    code = "E_FILE_HASH"
    default_hint = "The file is sent again from the start; if it happens twice, check both disks."


class StateError(DrsError):
    """The state directory can't be used as it is."""

    code = "E_STATE"


class StateLocked(StateError):
    """Another process works in this state directory."""

    code = "E_STATE_LOCKED"
    default_hint = "Stop the other one, or use another --state directory."
    http_status = 409


class StateCorrupt(StateError):
    """The database is damaged; it was set aside and a new one opened."""

    code = "E_STATE_CORRUPT"
    default_hint = "The old file is kept beside the new one; queue again what is missing."


class StateNewer(StateError):
    """The database was written by a newer version."""

    code = "E_STATE_NEWER"
    default_hint = "Use that newer version, or another --state directory."


class StoreGone(StateError):
    """The database that samples are kept in can't be used just now."""

    code = "E_STORE_GONE"
    default_hint = "Check the database; the recordings are whole, and what is missing in it is added by itself."
    retryable = True
    http_status = 503


class EngineGone(DrsError):
    """The process that the engine has to itself ended, or can't be started."""

    code = "E_ENGINE_GONE"
    default_hint = "It is started again by itself; then look whether what you asked for was done."
    retryable = True
    http_status = 503


class NoAnswer(DrsError):
    """What was asked takes so long that nobody waits for it any more; whether it is done yet is not known."""

    code = "E_NO_ANSWER"
    default_hint = "Look whether it was done. If nothing gets done, look for a disk that hangs, and start it again."
    retryable = True
    http_status = 504


class Cancelled(DrsError):
    """Someone stopped it on purpose."""

    code = "E_CANCELLED"
    default_hint = "Retry the job if that was a mistake."


def all_error_classes() -> dict[str, type[DrsError]]:
    """Every class of the tree by its code."""
    found: dict[str, type[DrsError]] = {}
    todo: list[type[DrsError]] = [DrsError]
    while todo:
        cls = todo.pop()
        found.setdefault(cls.code, cls)  # a class that inherits its code does not stand for it
        todo.extend(cls.__subclasses__())
    return found


def error_from_code(code: str, message: str) -> DrsError:
    """The error that a peer or a database names by `code`; an unknown code gives a plain DrsError."""
    return all_error_classes().get(code, DrsError)(message)
