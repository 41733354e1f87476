"""The machine under the measurement: processor time, the quiet gate, the disk."""
import json
import os
import platform
import subprocess
import time
from pathlib import Path

TICKS = os.sysconf('SC_CLK_TCK')
OTHERS_MAX = 0.10       # share of all cores that others may use
CALIBRATORS_APART_MAX = 0.25
TICK_US = 4000          # one scheduler tick at 250 Hz: single syncs then take 4 or 8 ms


def busy_seconds():
    """Processor time that the whole machine spent so far, steal included."""
    fields = Path('/proc/stat').read_text().split('\n', 1)[0].split()[1:]
    user, nice, system, _idle, _wait, irq, soft, steal = (int(f) for f in fields[:8])
    return (user + nice + system + irq + soft + steal) / TICKS


def process_seconds(pid):
    fields = Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid, name='VmHWM'):
    for line in Path(f'/proc/{pid}/status').read_text().split('\n'):
        if line.startswith(name + ':'):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def reset_peak_memory(pid):
    Path(f'/proc/{pid}/clear_refs').write_text('5')


def others_share(own_pids, seconds=0.4):
    """What share of the cores processes other than ours use while ours should be idle."""
    before, own = busy_seconds(), sum(process_seconds(p) for p in own_pids)
    start = time.monotonic()
    time.sleep(seconds)
    wall = (time.monotonic() - start) * os.cpu_count()
    own = sum(process_seconds(p) for p in own_pids) - own
    return max(0.0, (busy_seconds() - before - own) / wall)


class Span:
    """Processor time between start and stop: of processes by name, and of everybody else."""

    def __init__(self, pids):
        self.pids = pids
        self.cpu = {name: -process_seconds(pid) for name, pid in pids.items()}
        self.busy = -busy_seconds()
        self.wall = -time.monotonic()

    def stop(self, **finished):
        """`finished`: seconds that children used that are gone by now."""
        for name, pid in self.pids.items():
            self.cpu[name] += process_seconds(pid)
        self.cpu.update(finished)
        self.busy += busy_seconds()
        self.wall += time.monotonic()
        self.others = max(0.0, (self.busy - sum(self.cpu.values())) / (self.wall * os.cpu_count()))
        return self


def sync_probe(tools, folder, delay_ms=0, count=300):
    environment = dict(os.environ)
    if delay_ms:
        environment.update(tools.delay_environment(delay_ms))
        count = 100
    done = subprocess.run([tools.sync_probe, str(Path(folder) / 'sync-probe'), str(count)],
                          env=environment, capture_output=True, check=True, text=True)
    return json.loads(done.stdout)


def in_slow_mode(probe, delay_ms=0):
    """Syncs that take whole scheduler ticks say more about the scheduler than about the disk."""
    own = probe['p50_us'] - delay_ms * 1000
    return any(abs(own - n * TICK_US) < 0.1 * TICK_US for n in (1, 2, 3))


def words():
    model = next((line.split(':', 1)[1].strip() for line in Path('/proc/cpuinfo').read_text().split('\n')
                  if line.startswith('model name')), platform.machine())
    memory = int(Path('/proc/meminfo').read_text().split()[1]) / 2 ** 20
    return f'{os.cpu_count()} × {model}, {memory:.0f} GiB, Linux {platform.release().split("-")[0]}'
