"""`python -m hub …`: thin commands over services."""

import asyncio
import os
import sys
from contextlib import nullcontext
from tempfile import TemporaryDirectory
from typing import Annotated, NoReturn

import typer

from hub import cli_pages
from hub import serve as server
from hub.auth.keyring import Generation
from hub.auth.permissions import SCOPES, SYSTEM
from hub.auth.tokens import Tokens
from hub.clock import SystemClock
from hub.command import settings_of
from hub.domain.text import iso
from hub.errors import HubError
from hub.migrate import revisions, upgrade
from hub.one_off import seed_demo, transaction
from hub.preflight import check_database, check_redis, require_current
from hub.services import account_changes, accounts, machine_keys, mails, outbox, sessions, signing_keys
from hub.services.database import is_unavailable
from hub.settings import Settings
from hub.up import up

cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Status Hub")
user_cli = typer.Typer(no_args_is_help=True, help="Accounts.")
key_cli = typer.Typer(no_args_is_help=True, help="Keys of machines.")
cli.add_typer(user_cli, name="user")
cli.add_typer(key_cli, name="key")
cli.add_typer(cli_pages.import_cli, name="import")
cli.command("export")(cli_pages.export_page)

_OUTBOX_ALARM_S = 10.0  # docs/guarantees.md: older than this, something is wrong with the relay or Redis
_MAIL_ALARM_S = 60.0  # longer than any mail waits whose server takes it at the first or second try
_clock = SystemClock()


@cli.command("up")
def up_command(
    *, fresh: Annotated[bool, typer.Option(help="In a new data directory, which is removed at the end.")] = False
) -> None:
    """Run everything: PostgreSQL, Valkey, web, worker, beat. Ctrl-C stops it."""
    with TemporaryDirectory(prefix="hub-") if fresh else nullcontext() as directory:
        if directory is not None:
            os.environ["HUB_DATA_DIR"] = directory
        asyncio.run(up(settings_of("hub", needs_database=False, needs_redis=False)))


@cli.command("serve")
def serve_command() -> None:
    """Run one web process."""
    settings = settings_of("serve")
    server.serve(settings)


@cli.command()
def worker() -> None:
    """Run the Celery worker."""
    _become_celery("worker")


@cli.command()
def beat() -> None:
    """Run the Celery beat; any number may run, one is active."""
    _become_celery("beat")


@cli.command()
def migrate() -> None:
    """Bring the database's tables to what this version needs."""
    settings = settings_of("migrate", needs_redis=False)
    asyncio.run(check_database(settings.sqlalchemy_url))
    upgrade(settings.sqlalchemy_url)
    newest, _ = revisions()
    typer.echo(f"the database is at {newest}")


@cli.command("seed")
def seed_command(
    *, if_empty: Annotated[bool, typer.Option("--if-empty", help="Only when there is no page at all.")] = False
) -> None:
    """Make the demo page and the demo account."""
    settings = settings_of("seed", needs_redis=False)
    is_made = asyncio.run(seed_demo(settings, only_if_empty=if_empty))
    typer.echo("the demo page is made" if is_made else "nothing to do")


@cli.command()
def doctor() -> None:
    """Check what the hub stands on; exit code 1 when something is wrong."""
    settings = settings_of("doctor")
    is_well = asyncio.run(_examine(settings))
    raise typer.Exit(0 if is_well else 1)


@user_cli.command("create")
def user_create(
    email: str,
    *,
    admin: Annotated[bool, typer.Option("--admin", help="May do everything on every page.")] = False,
    verified: Annotated[bool, typer.Option("--verified", help="The address is known to be theirs.")] = False,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from stdin.")] = False,
) -> None:
    """Make an account."""
    settings = settings_of("user", needs_redis=False)
    password = _read_password(is_piped=password_stdin)

    async def run() -> accounts.Account:
        async with transaction(settings) as session:
            return await accounts.create_account(
                session, email, password, is_admin=admin, is_verified=verified, now=_clock.now()
            )

    account = asyncio.run(run())
    typer.echo(f"{account.email} is made, id {account.id}")


@key_cli.command("create")
def key_create(
    page: Annotated[list[str], typer.Option(metavar="SLUG", help="A page that it is for; may be given again.")],
    scope: Annotated[list[str], typer.Option(help=f"{', '.join(SCOPES)}; may be given again.")],
    name: Annotated[str, typer.Option(help="What people know it by.")] = "command line",
    expires_in_s: Annotated[int | None, typer.Option(help="Seconds; without it the key lasts.")] = None,
) -> None:
    """Print a new key of a machine and nothing else; it cannot be shown again."""
    settings = settings_of("key", needs_redis=False)
    new = machine_keys.NewKey(name, page, scope, expires_in_s)

    async def run() -> str:
        async with transaction(settings) as session:
            _, text = await machine_keys.create(session, new, by=SYSTEM, now=_clock.now())
            return text

    typer.echo(asyncio.run(run()))


@key_cli.command("list")
def key_list() -> None:
    """Print a line for each key: id, scopes, pages, when it was used last, when it ends, name."""
    settings = settings_of("key", needs_redis=False)

    async def run() -> list[machine_keys.MachineKey]:
        async with transaction(settings) as session:
            return await machine_keys.list_keys(session, by=SYSTEM)

    for key in asyncio.run(run()):
        used = iso(key.last_used_at) if key.last_used_at else "never used"
        ends = iso(key.expires_at) if key.expires_at else "lasts"
        typer.echo("  ".join([key.id, ",".join(key.scopes), ",".join(key.pages), used, ends, key.name]))


@key_cli.command("revoke")
def key_revoke(key_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Make a key worthless, on open sockets too."""
    settings = settings_of("key", needs_redis=False)

    async def run() -> None:
        async with transaction(settings) as session:
            await machine_keys.revoke(session, key_id, by=SYSTEM, now=_clock.now())

    asyncio.run(run())
    typer.echo(f"{key_id} is revoked")


@user_cli.command("disable")
def user_disable(email: str) -> None:
    """End every sign-in of an account and allow no other."""
    _change_account(email, is_disabled=True)


@user_cli.command("enable")
def user_enable(email: str) -> None:
    """Let a disabled account sign in again."""
    _change_account(email, is_disabled=False)


@user_cli.command("verify")
def user_verify(email: str) -> None:
    """Vouch for the address of an account."""
    _change_account(email, is_verified=True)


@key_cli.command("rotate-signing")
def key_rotate_signing(
    *, emergency: Annotated[bool, typer.Option("--emergency", help="All older keys end at once.")] = False
) -> None:
    """Sign access tokens with a new key. Nobody is signed out, unless it is an emergency."""
    settings = settings_of("key", needs_redis=False)
    tokens = Tokens.of(settings)

    async def run() -> Generation:
        async with transaction(settings) as session:
            return await signing_keys.rotate(session, tokens, now=_clock.now(), is_emergency=emergency)

    made = asyncio.run(run())
    typer.echo(f"{made.kid} signs from {iso(made.signs_from)} on")


@cli.command()
def token(email: str) -> None:
    """Print an access token of the account and nothing else."""
    settings = settings_of("token", needs_redis=False)
    issuer = Tokens.of(settings)

    async def run() -> str:
        async with transaction(settings) as session:
            issuer.adopt(await signing_keys.load_generations(session))
            return await sessions.issue_token_for(session, issuer, email, _clock.now())

    typer.echo(asyncio.run(run()))


def _change_account(email: str, *, is_disabled: bool | None = None, is_verified: bool | None = None) -> None:
    settings = settings_of("user", needs_redis=False)

    async def run() -> accounts.Account:
        async with transaction(settings) as session:
            return await account_changes.change_standing_of(
                session, email, is_disabled=is_disabled, is_verified=is_verified, now=_clock.now()
            )

    account = asyncio.run(run())
    standing = "disabled" if account.is_disabled else "enabled"
    typer.echo(f"{account.email} is {standing} and {'verified' if account.is_verified else 'not verified'}")


async def _examine(settings: Settings) -> bool:
    """Print a line for each part; True when all are well."""
    is_well = True

    def tell(part: str, text: str, *, is_good: bool = True) -> None:
        nonlocal is_well
        is_well = is_well and is_good
        typer.echo(f"{'ok ' if is_good else 'BAD'} {part:<10} {text}")

    try:
        tell("redis", await check_redis(settings.redis_dsn))
    except HubError as error:
        tell("redis", error.message, is_good=False)
    try:
        facts = await check_database(settings.sqlalchemy_url)
        tell("database", f"PostgreSQL {facts.version}")
        require_current(facts, *revisions())
        tell("tables", f"at {facts.revision}")
        async with transaction(settings) as session:
            age_s = await outbox.oldest_age_s(session)
            mail_count, mail_age_s = await mails.waiting(session)
        lag = "nothing waits" if age_s is None else f"the oldest change has waited {age_s:.1f} s to be published"
        tell("relay", lag, is_good=age_s is None or age_s < _OUTBOX_ALARM_S)
        way = "into files" if settings.smtp_host is None else f"by {settings.smtp_host}"
        stuck = "" if mail_age_s is None else f", the oldest of {mail_count} has waited {mail_age_s:.0f} s"
        tell("mail", f"{way}{stuck}", is_good=mail_age_s is None or mail_age_s < _MAIL_ALARM_S)
    except HubError as error:
        tell("database", error.message, is_good=False)
    return is_well


def _become_celery(command: str) -> NoReturn:
    """The Celery application is another program beside this one, and is not imported here."""
    settings_of(command)
    os.execv(sys.executable, [sys.executable, "-m", "tasks", command])  # noqa: S606


def _read_password(*, is_piped: bool) -> str:
    if is_piped:
        return sys.stdin.readline().rstrip("\r\n")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _fail(error: HubError) -> NoReturn:
    """Say what is wrong: in one line, unless several fields are."""
    fields = error.fields or {}
    if error.message == error.default_message and len(fields) == 1:
        [(name, problem)] = fields.items()
        sys.exit(f"hub: {name}: {problem}")
    more = [f"  {name}: {problem}" for name, problem in fields.items()] if len(fields) > 1 else []
    sys.exit("\n".join([f"hub: {error.message}", *more]))


def main() -> NoReturn:
    """Run the command line; what people can cause or mend is told on standard error, with exit code 1."""
    try:
        cli()
    except HubError as error:
        _fail(error)
    except Exception as error:
        if not is_unavailable(error):
            raise
        sys.exit(f"hub: the database is away: {error}")
    sys.exit(0)
