"""What sessions run in their VMs: commands that the answer waits for, and executions that go on behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from fakeserver.provider import (
    SECOND,
    Asked,
    Call,
    Command,
    Document,
    Finished,
    Halt,
    Job,
    Kind,
    Life,
    Problem,
    Record,
    Remove,
    Result,
    View,
    Write,
    conflict,
    find_record,
    follow,
    instant,
    itself,
    mint,
    naive,
    not_found,
)
from fakeserver.providers.instavm.records import find_vm, given_in, known_session
from fakeserver.providers.instavm.states import MACHINE, refuse
from fakeserver.providers.instavm.vms import resume

PYTHON = "python"
"""Observed: the README of instavm 0.26.1 runs Python where it names no language."""
TIMED_OUT = "Execution timed out after {} seconds\n"
"""Assumed."""
CPU_DIGITS = 6
EXECUTIONS = "executions"
MOST_EXECUTIONS = 1_000
"""Executions that are kept for an account; the oldest makes room."""
MOST_RUNNING = 50
"""Executions of an account that run or wait for their sandbox."""
LONGEST_SECONDS = 600
"""By the world's clock; an execution that has no end by then has lost its server."""
EXECUTION_KIND = Kind("created_at", "task_id", schema="Execution")


class Host(NamedTuple):
    """The VM that something is to happen in, with what must be changed before it does."""

    vm_id: str
    writes: Sequence[Write] = ()
    after: Sequence[Callable[[], None]] = ()


def find_host(view: View, session_id: str) -> Host:
    """The VM of a session. Who needs it waits until it is ready; a suspended one with `auto_resume` is resumed."""
    session = known_session(view, session_id)
    if session.vm is None:
        raise conflict("The session has no VM")
    record, state = session.vm, session.vm.document["status"]
    if state == "suspended" and record.kept.get("auto_resume"):
        resumed = resume(record, view, wait=True)
        assert isinstance(resumed.body, dict)
        state = resumed.body["status"]
        host = Host(resumed.body["vm_id"], resumed.writes, resumed.after)
    elif state in ("creating", "resuming") and view.transitions != "manual":
        life = MACHINE.settle(record.life, view.now) or record.life
        state = life.document["status"]
        host = Host(record.identity, (follow(record, MACHINE, life, view).write,))
    else:
        host = Host(record.identity)
    if state != "active":
        raise refuse(state, "run commands in")
    return host


def order_of(body: Document, vm_id: str) -> Command:
    given = given_in(body)
    return Command(given["command"], seconds=given.get("timeout"), host=vm_id, language=given.get("language", PYTHON))


def output_of(finished: Finished, order: Command) -> tuple[str, str]:
    """What a command has written, as text. Assumed: what is no UTF-8 is replaced."""
    told = TIMED_OUT.format(order.seconds) if finished.timed_out else ""
    return finished.stdout.decode(errors="replace"), finished.stderr.decode(errors="replace") + told


def times_of(finished: Finished) -> Document:
    """Assumed: seconds; asleep, a command takes up no processor."""
    return {
        "execution_time": round(finished.seconds, CPU_DIGITS),
        "cpu_time": round(max(0.0, finished.seconds - finished.slept), CPU_DIGITS),
    }


def execute(asked: Asked, view: View) -> Result:
    """Run a command, and answer with what came of it."""
    host = find_host(view, asked.body["session_id"])
    order, guest = order_of(asked.body, host.vm_id), view.guest(host.vm_id)

    def tell(finished: Finished) -> Result:
        stdout, stderr = output_of(finished, order)
        body = {"stdout": stdout, "stderr": stderr, "exit_code": finished.exit_code, **times_of(finished)}
        return Result(200, body)

    halt = Halt()
    job = Job(lambda emit: guest.run(order, view.now, halt=halt), tell, stop=halt)
    return Result(200, writes=host.writes, after=host.after, job=job)


# Executions


def execute_async(asked: Asked, view: View) -> Result:
    """Run a command behind the answer, which names the execution."""
    host = find_host(view, asked.body["session_id"])
    order, guest, caller = order_of(asked.body, host.vm_id), view.guest(host.vm_id), view.caller
    task_id = mint(view, caller.home, EXECUTIONS).uuid("task")
    document = {
        "task_id": task_id,
        "session_id": asked.body["session_id"],
        "is_complete": False,
        "serialized_stdout": None,
        "serialized_stderr": None,
        "exit_code": None,
        "execution_time": None,
        "cpu_time": None,
        "created_at": naive(view.now, digits=6),
        "completed_at": None,
    }
    record = Record(Life(document, {}), caller.user, caller.home, task_id, kind=EXECUTIONS)
    writes = (*host.writes, *make_room(view), record.put())

    def note(finished: Finished) -> Result:
        """Nothing is noted of an execution that is gone, as after a reset."""
        known = find_record(view, caller.home, task_id, EXECUTIONS)
        if known is None:
            return Result(200)
        stdout, stderr = output_of(finished, order)
        ended = {
            "is_complete": True,
            "serialized_stdout": stdout,
            "serialized_stderr": stderr,
            "exit_code": finished.exit_code,
            **times_of(finished),
            "completed_at": naive(view.now + round(finished.slept * SECOND), digits=6),
        }
        return Result(200, writes=(known.after(Life({**document, **ended}, {})).put(),))

    halt = Halt()
    job = Job(lambda emit: guest.run(order, view.now, halt=halt), note, background=True, stop=halt)
    return Result(200, {"task_id": task_id}, writes=writes, after=host.after, job=job)


def make_room(view: View) -> list[Write]:
    """Forget the oldest execution where there are too many, or refuse where too many run."""
    tenant = view.caller.home
    collection = view.kinds(EXECUTIONS)[tenant]
    unfinished = (collection.document(rank) for rank in collection.filed("is_complete", itself, False))
    begun = [each for each in unfinished if instant(each["created_at"]) > view.now - LONGEST_SECONDS * SECOND]
    if len(begun) >= MOST_RUNNING:
        raise Problem(429, "rate_limited", f"No more than {MOST_RUNNING} executions may run at once")
    if len(collection) < MOST_EXECUTIONS:
        return []
    _, oldest = collection.order(collection.everything.max())
    return [Write(tenant, (Remove(oldest),), EXECUTIONS)]


def get_execution(asked: Asked, view: View) -> Result:
    """What came of an execution. Who sleeps in one does so by the world's clock, and until then it is not complete."""
    record = find_record(view, view.caller.home, asked.values["task_id"], EXECUTIONS)
    if record is None:
        raise not_found("Execution not found")
    document = record.document
    if document["completed_at"] is not None and instant(document["completed_at"]) > view.now:
        unknown = dict.fromkeys(
            ("serialized_stdout", "serialized_stderr", "exit_code", "execution_time", "cpu_time", "completed_at")
        )
        document = {**document, **unknown, "is_complete": False}
    return Result(200, document)


# Environment variables


def stage_variables(asked: Asked, view: View) -> Result:
    """Give a VM environment variables, which every later command in it finds."""
    record = find_vm(view, asked.values["vm_id"])
    if record.document["status"] != "active":
        raise refuse(record.document["status"], "stage variables in")
    given = {each["env_name"]: each["value"] for each in asked.body["entries"]}
    answer = {"vm_id": record.identity, "staged": len(given)}
    return Result(200, answer, after=(lambda: view.guest(record.identity).set_variables(given),))


OPERATIONS = {
    "executeCommand": Call(execute, body=True),
    "executeCommandAsync": Call(execute_async, body=True),
    "getExecution": Call(get_execution, ("task_id",), poll_seconds=1),
    "stageVariables": Call(stage_variables, ("vm_id",), body=True),
}
