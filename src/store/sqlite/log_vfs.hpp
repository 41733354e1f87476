#pragma once

namespace blotter::store {

/// The name of a SQLite VFS, registered with the first call: the machine's own file system, but for
/// two things: what is written to a write-ahead log is gathered and handed to the system in one
/// piece, and a log in which nothing changed since its last sync is not synced again. SQLite writes
/// each page of a commit in two pieces, so a commit of thirty pages is sixty system calls without
/// this; and it syncs the log before each move into the database, although the commits did.
///
/// Invariant: before a log is synced, read, measured, cut or closed, everything gathered is
/// written, in the same order and place. Readers look only at what was synced, so nobody sees a
/// difference. A write that fails is reported by the call that needed it, with its own code. Any
/// thread; each file by one thread at a time, as SQLite does it.
const char* log_vfs();

}  // namespace blotter::store
