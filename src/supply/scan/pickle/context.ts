import type { Severity } from '../../../core/index.ts'
import type { Rule } from '../report.ts'

/** How a blob is to be looked at. */
export interface PickleContext {
  /**
   * True where a loader would unpickle these bytes whatever they are. False for a try on any bytes: then only what is
   * surely a pickle, or does something before it breaks, is reported.
   */
  readonly isClaimed: boolean
  /** `torchscript` knows the classes of the archive itself, `package` the modules that a torch.package carries. */
  readonly profile: 'any' | 'torchscript' | 'package'
  /** `module.name` of globals that the operator vouches for. */
  readonly allowGlobals: ReadonlySet<string>
  readonly maxOpcodes: number
  /** Called now and then with the offset; throws to stop. */
  readonly onProgress?: (offset: number) => void
}

export interface PickleSighting {
  readonly rule: Rule
  readonly severity: Severity
  readonly message: string
  /** Bytes from the start of the source. */
  readonly offset: number
  readonly evidence?: string
}

export interface PickleScan {
  /** True when the bytes are a pickle from their first byte on, as far as anybody can tell. */
  readonly isPickle: boolean
  /** The first byte after all pickles and the raw arrays between them. */
  readonly end: number
  readonly findings: readonly PickleSighting[]
  /** Globals in the order of their first appearance, as `module.name`. */
  readonly imports: readonly string[]
  /** Constants that a reader of other formats may look at. */
  readonly nested: readonly NestedBytes[]
}

export interface NestedBytes {
  readonly offset: number
  readonly bytes: Uint8Array
}
