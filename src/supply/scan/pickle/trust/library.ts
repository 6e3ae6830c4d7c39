import type { ModuleNames } from './trust.ts'

/** The harmless names of one library; made by scripts/scan/library-classes.py. */
export interface LibraryTable {
  readonly classes: ModuleNames
  /** Classes that may also be called: enumerations and types of extension modules. */
  readonly called: ModuleNames
  /** Subclasses of list, dict and set. */
  readonly containers: ModuleNames
  /** Only ever mentioned. */
  readonly functions: ModuleNames
}
