"""The run launcher Dagster loads: asks the zygote to fork, and watches what it forked."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from dagster import BoolSource, DagsterRun, Field, StringSource
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._core.launcher.base import LaunchRunContext
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import ConfigurableClassData, serialize_value

from davylamp.errors import Unreachable
from davylamp.plane.processes import Identity
from release_defs.launcher.address import zygote_socket
from release_defs.launcher.wire import CALL_SECONDS, check_peer, receive, send
from release_defs.launcher.worker import WORKER_TAG, Worker


class ZygoteRunLauncher(DefaultRunLauncher):
    """Starts runs in 0.1 s instead of two, and sees within seconds when one was killed.

    Without a zygote the default launcher takes over, unless `fall_back` is off.
    """

    def __init__(
        self,
        socket: str = "",
        fall_back: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        super().__init__(inst_data)
        self._socket = socket
        self._fall_back = fall_back

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        return {
            "socket": Field(StringSource, is_required=False, default_value=""),
            "fall_back": Field(BoolSource, is_required=False, default_value=True),
        }

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> ZygoteRunLauncher:
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        run = context.dagster_run
        try:
            connection = self._connect()
        except OSError as error:
            self._without_zygote(context, error)
            return
        with connection:
            worker = _ask_to_fork(connection, self._arguments(context))
        self._instance.add_run_tags(run.run_id, {WORKER_TAG: worker.tag})

    def terminate(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        worker = Worker.of_run(run.tags)
        if worker is None:
            return super().terminate(run_id)
        self._instance.report_run_canceling(run)
        if not worker.interrupt():
            self._instance.report_run_canceled(run, "its worker had ended already")
        return True

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        worker = Worker.of_run(run.tags)
        if worker is None:  # started by the default launcher, whose server watches it
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if worker.is_alive:
            return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=worker.tag)
        message = f"worker {worker.identity.pid} is gone"
        return CheckRunHealthResult(WorkerStatus.FAILED, message, run_worker_id=worker.tag)

    def _connect(self) -> socket.socket:
        path = zygote_socket(self._socket, self._instance.root_directory)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(CALL_SECONDS)
        try:
            connection.connect(str(path))
        except OSError as error:
            connection.close()
            raise type(error)(error.errno, error.strerror, str(path)) from error
        check_peer(connection)
        return connection

    def _arguments(self, context: LaunchRunContext) -> str:
        run, origin = context.dagster_run, context.job_code_origin
        if origin is None:
            raise Unreachable(f"run {run.run_id} doesn't say where its code is")
        return serialize_value(ExecuteRunArgs(origin, run.run_id, self._instance.get_ref()))

    def _without_zygote(self, context: LaunchRunContext, error: OSError) -> None:
        why = f"no zygote answers at {error.filename} ({error.strerror})"
        if not self._fall_back:
            raise Unreachable(
                f"{why}: start the plane with `davylamp up`, or run "
                "`python -m release_defs.launcher.zygote` in the project's folder"
            ) from error
        self._instance.report_engine_event(
            f"{why}: starting slowly, with Dagster's own launcher", context.dagster_run
        )
        super().launch_run(context)


def _ask_to_fork(connection: socket.socket, arguments: str) -> Worker:
    send(connection, {"execute_run": arguments})
    answer = receive(connection)
    if "pid" not in answer:
        why = answer.get("error", "it hung up")
        raise Unreachable(f"the zygote did not fork: {why}")
    return Worker(Identity(answer["pid"], answer["started_ticks"]))
