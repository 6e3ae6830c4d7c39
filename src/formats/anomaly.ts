/** Something that a well-formed file does not have. Readers of untrusted bytes return these, they do not throw. */
export interface Anomaly {
  /** Stable, kebab-case, such as `truncated`; the scanner turns it into a rule of the format. */
  readonly code: string
  readonly message: string
  /** Bytes from the start of what was read. */
  readonly offset: number
  /** True when some of the bytes could not be understood because of it: nobody may call the file clean. */
  readonly isUnread: boolean
}
