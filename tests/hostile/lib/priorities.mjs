// Receivers and senders stand for other machines, but run on the processors of the one that is
// measured. So that the program waits for itself alone, what measures goes before it and what is
// hostile comes after it, whenever both want to run.
import { execFileSync } from 'node:child_process';

function schedule(policy, pid) {
  // What it starts from here on has the usual priority again: the next server must not inherit.
  execFileSync('chrt', ['--reset-on-fork', '--all-tasks', ...policy, String(pid)], { stdio: 'ignore' });
}

/** The processes before all others (`first`) and only when nothing else wants to run (`last`).
 *  False when this user may not: then all are equal. */
export function prioritize({ first, last }) {
  try {
    for (const pid of first) schedule(['--rr', '--pid', '1'], pid);
    for (const pid of last) schedule(['--idle', '--pid', '0'], pid);
    return true;
  } catch {
    return false;
  }
}
