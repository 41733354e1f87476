#pragma once

namespace blotter::store {

/// The name of a SQLite VFS, registered with the first call: the machine's own file system, but for
/// one thing: what is written to a write-ahead log is gathered and handed to the system in one
/// piece. SQLite writes each page of a commit in two pieces, so a commit of thirty pages is sixty
/// system calls without this.
///
/// Invariant: before a log is synced, read, measured, cut or closed, everything gathered is
/// written, in the same order and place. Readers look only at what was synced, so nobody sees a
/// difference. A write that fails is reported by the call that needed it, with its own code. Any
/// thread; each file by one thread at a time, as SQLite does it.
const char* log_vfs();

}  // namespace blotter::store
