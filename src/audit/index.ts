/** The tamper-evident log: an RFC 6962 tree of events in append-only files, with C2SP checkpoints and proofs. */
export { AuditLog, type AuditLogOptions, type LogStats } from './audit-log.ts'
export { opensCommitment } from './commitment.ts'
export type { EventInput, LogEntry, LoggedEvent, Opening, Receipt, RecordEvent } from './event.ts'
export { type Proof, type VerifiedProof, verifyProof } from './proof.ts'
export { type LogReport, type VerifyOptions, verifyLog } from './verify-log.ts'
