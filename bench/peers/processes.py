"""What a process costs, and how to talk to one that answers questions line by line."""

import json
import os
import subprocess
import time

MEBIBYTE = 1 << 20


def cpu_seconds(pid):
    """Processor time of all threads of the process so far, ended ones included."""
    # The kernel's name for the clock of another process: its inverted id, and "scheduler time" in the last three bits.
    return time.clock_gettime((~pid << 3) | 2)


def forget_peak(pid):
    """Makes the process's peak of memory what it uses now."""
    with open(f"/proc/{pid}/clear_refs", "w") as switch:
        switch.write("5")


def peak_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
    return 0


def measured(pid, work):
    """Does `work` and returns its result and what it cost the process `pid`."""
    forget_peak(pid)
    cpu, start = cpu_seconds(pid), time.perf_counter()
    result = work()
    ms = (time.perf_counter() - start) * 1000
    return result, {"ms": ms, "cpu_ms": (cpu_seconds(pid) - cpu) * 1000, "rss": peak_mb(pid)}


def settle(pid, patience=3600):
    """Waits until the process has had nothing to do for three seconds."""
    idle, deadline = 0, time.monotonic() + patience
    while idle < 3:
        if time.monotonic() > deadline:
            raise TimeoutError(f"process {pid} does not come to rest")
        before = cpu_seconds(pid)
        time.sleep(1)
        idle = idle + 1 if cpu_seconds(pid) - before < 0.05 else 0


def disk_bytes(path):
    """Bytes of a file, or of all files below a folder."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, file)) for folder, _, files in os.walk(path) for file in files)


class Child:
    """An engine in a process of its own: says READY, then answers each line with one line of JSON."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        first = self.process.stdout.readline().strip()
        if first != "READY":
            self.close()
            raise RuntimeError(f"{command[0]} did not start: it said {first!r}")

    def ask(self, question):
        try:
            self.process.stdin.write(question + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"error": f"the process ended with {self.process.wait()}"}

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.stdout.close()
        self.process.wait()
