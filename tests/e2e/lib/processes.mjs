// Child processes that never outlive the test process, and that keep what they said.
import { spawn } from 'node:child_process';

const output_bytes_max = 64 << 20;
const running = new Set();

function killAll() {
  for (const child of running) child.process.kill('SIGKILL');
}
process.on('exit', killAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    killAll();
    process.exit(1);
  });

/** The first line of what a sanitizer had to say, or undefined. */
export function sanitizerReport(output) {
  return output.split('\n').find((line) =>
    /(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|: runtime error: /.test(line));
}

/** A started program. `lines` has everything it wrote, from both of its outputs. */
export class Child {
  constructor(file, args, options = {}) {
    this.name = [file.split('/').pop(), ...args].join(' ');
    this.stdout = '';
    this.stderr = '';
    this.exit = null;  // { code, signal } once it is over
    this.listeners = new Set();
    this.process = spawn(file, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    running.add(this);
    for (const stream of ['stdout', 'stderr']) {
      this.process[stream].setEncoding('utf8');
      this.process[stream].on('data', (text) => {
        if (this[stream].length < output_bytes_max) this[stream] += text;
        this.notify();
      });
    }
    if (options.input !== undefined) this.process.stdin.end(options.input);
    this.over = new Promise((resolve) => {
      const end = (exit) => {
        running.delete(this);
        this.exit ??= exit;
        this.notify();
        resolve(this.exit);
      };
      this.process.on('error', (error) => end({ code: null, signal: null, error }));
      this.process.on('close', (code, signal) => end({ code, signal }));
    });
  }

  notify() {
    for (const listener of [...this.listeners]) listener();
  }

  get pid() { return this.process.pid; }
  get output() { return this.stdout + this.stderr; }
  get lines() { return `${this.stdout}\n${this.stderr}`.split('\n').filter(Boolean); }

  /** Resolves with what `find(this)` gives as soon as that is not undefined. */
  until(find, what, timeout_ms = 60_000) {
    return new Promise((resolve, reject) => {
      const finish = (done, value) => {
        clearTimeout(timer);
        this.listeners.delete(look);
        done(value);
      };
      const look = () => {
        const found = find(this);
        if (found !== undefined) return finish(resolve, found);
        if (this.exit) finish(reject, this.failure(`ended before ${what}`));
      };
      const timer = setTimeout(
        () => finish(reject, this.failure(`no ${what} within ${timeout_ms} ms`)), timeout_ms);
      this.listeners.add(look);
      look();
    });
  }

  failure(words) {
    const end = this.exit ? ` (exit ${this.exit.code ?? this.exit.signal ?? this.exit.error})` : '';
    return new Error(`${this.name}: ${words}${end}\n${this.output.slice(-4000)}`);
  }

  /** A build with sanitizers found something: that is an error whatever else went well. */
  refuseReports() {
    const report = sanitizerReport(this.output);
    if (report) throw new Error(`${this.name}: ${report}\n${this.output.slice(this.output.indexOf(report), 8000)}`);
  }

  /** Sends the signal and waits for the end; past the timeout it is killed and that is an error. */
  async stop(signal = 'SIGTERM', timeout_ms = 60_000) {
    this.ending = true;
    if (!this.exit) this.process.kill(signal);
    const timer = setTimeout(() => {
      this.late = true;
      this.process.kill('SIGKILL');
    }, timeout_ms);
    const exit = await this.over;
    clearTimeout(timer);
    if (this.late) throw this.failure(`did not stop within ${timeout_ms} ms of ${signal}`);
    return exit;
  }
}

/** Runs a program to its end: { code, signal, stdout, stderr, output }. */
export async function run(file, args = [], options = {}) {
  const child = new Child(file, args, options);
  const timer = setTimeout(() => {
    child.late = true;
    child.process.kill('SIGKILL');
  }, options.timeout_ms ?? 120_000);
  const exit = await child.over;
  clearTimeout(timer);
  if (exit.error) throw new Error(`${file} cannot be started: ${exit.error.message}`);
  if (child.late) throw child.failure('took too long');
  child.refuseReports();
  return { ...exit, stdout: child.stdout, stderr: child.stderr, output: child.output };
}

/** The same, for programs that must succeed. Gives what they printed. */
export async function check(file, args = [], options = {}) {
  const done = await run(file, args, options);
  if (done.code !== 0)
    throw new Error(`${file} ${args.join(' ')}: exit ${done.code ?? done.signal}\n${done.output}`);
  return done.stdout;
}
