"""`tallystick up`: everything on one machine, started in order, watched, and stopped in reverse."""

from collections.abc import Mapping

import grpc
import psycopg

from tallystick.local.announcement import announcement
from tallystick.local.children import Program
from tallystick.local.credentials import SERVICES
from tallystick.local.demo import callback_url, demo_programs
from tallystick.local.demo_data import DemoData, DemoMaker
from tallystick.local.errors import LocalServerError
from tallystick.local.given_settings import GivenSettings
from tallystick.local.operator_connection import OperatorConnection
from tallystick.local.ports import HOST, require_free
from tallystick.local.progress import Progress
from tallystick.local.run_lock import RunLock
from tallystick.local.run_options import RunOptions
from tallystick.local.run_settings import RunSettings
from tallystick.local.stop_request import Stopping
from tallystick.local.stores import StoresOfRun, first_line
from tallystick.local.supervisor import Supervisor
from tallystick.local.watchman import Watchman
from tallystick.runtime.private_files import make_private_folder, write_private
from tallystick.schema.first_operator import ensure_first_operator
from tallystick.schema.migrate import migrate


class Run:
    """One run, from nothing to Ctrl-C."""

    def __init__(self, options: RunOptions, environ: Mapping[str, str], progress: Progress) -> None:
        """Read the settings; raises `SettingsError` when they cannot be used."""
        self._options = options
        self._environ = environ
        self._progress = progress
        self._given = GivenSettings.read(environ)

    def until_stopped(self) -> None:
        """Start everything, and return once somebody has asked for the end and all is stopped.

        Raises:
            LocalServerError: with one line about what could not start, or ended by itself.
        """
        options = self._options
        options.data.mkdir(parents=True, exist_ok=True)
        stores = StoresOfRun(options, self._given)
        with RunLock(options.data) as lock:
            require_free(options.ports, stores.ports_to_check())
            make_private_folder(options.logs)
            with (
                Watchman(lock.descriptor) as watchman,
                Supervisor(options.checkout, options.logs, self._progress, watchman) as supervisor,
            ):
                try:
                    self._start(supervisor, stores)
                    supervisor.watch()
                except Stopping:
                    return

    def _start(self, supervisor: Supervisor, stores: StoresOfRun) -> None:
        for server in stores.servers().values():
            supervisor.start_server(server)
        settings = RunSettings(self._options, self._given, stores.addresses())
        environment = settings.inherited(self._environ)
        supervisor.do("schema, keys and operator", lambda: self._prepare(settings))
        supervisor.start_programs("authorize, token, introspect", self._services(settings), environment)
        demo = DemoData()
        if self._options.demo:
            demo = supervisor.do("data of the demo", self._make_demo)
            programs = demo_programs(demo, settings.issuer, self._options)
            supervisor.start_programs("PhotoStorage, PhotoPrint", programs, environment)
        self._progress.box("Tallystick is up", announcement(self._options, settings.issuer, demo))

    def _prepare(self, settings: RunSettings) -> None:
        """Bring database and files to where the services can start."""
        self._options.credentials.ensure()
        try:
            migrate(settings.stores.migrate_dsn)
            if self._given.database:
                settings.stores.check_roles()
            ensure_first_operator(settings.stores.migrate_dsn, self._options.admin_token)
        except psycopg.Error as error:
            advice = f": check {self._given.database_setting}" if self._given.database else ""
            raise LocalServerError(f"the database cannot be prepared ({first_line(error)}){advice}") from error
        lines = (f"{name}={value}\n" for name, value in settings.of_operator().items())
        write_private(self._options.environment_file, "".join(lines))

    def _services(self, settings: RunSettings) -> list[Program]:
        ports = self._options.ports
        return [
            Program(
                name,
                f"services.{name}",
                (ports[name], ports[f"{name}-grpc"]),
                environment=settings.of_service(name),
            )
            for name in SERVICES
        ]

    def _make_demo(self) -> DemoData:
        file, target = self._options.demo_file, f"{HOST}:{self._options.ports['authorize-grpc']}"
        credential = self._options.admin_token.read_text("utf-8").strip()
        try:
            with OperatorConnection(target, credential) as operator:
                maker = DemoMaker(operator, callback_url(self._options.ports))
                return maker.ensure(DemoData.read(file), lambda data: data.write(file))
        except grpc.RpcError as error:
            raise LocalServerError(f"authorize does not take the demo's data: {error.details()}") from error
