/** The tamper-evident log: an RFC 6962 tree of events in append-only files, with C2SP checkpoints and proofs. */
export type { EventInput, LogEntry, LoggedEvent, Opening, Receipt, RecordEvent } from './event.ts'
