/** What a global may be used for while loading. The bits add up. */
export const REFERENCE = 0
/** `cls.__new__(cls, ...)` and a state for the result: what NEWOBJ and BUILD do. `__init__` does not run. */
export const INSTANCE = 1
/** Called with arguments: what REDUCE does. */
export const CALL = 2
/** APPEND(S), SETITEM(S), ADDITEMS on its instances: subclasses of list, dict, set and deque. */
export const CONTAINER = 4

/** Checks the arguments of a call; see `arguments.ts`. */
export type ArgumentRule =
  | 'any'
  | 'no-objects'
  | 'codec'
  | 'class-first'
  | 'none-type'
  | 'attribute'
  | 'partial'
  | 'ufunc-name'
  | 'torch-file'
  | 'rebuild-typed'
  | 'texts'
  | 'reconstructor'

export interface Trust {
  readonly uses: number
  readonly args: ArgumentRule
}

/** Names of one module, separated by spaces. */
export type ModuleNames = Readonly<Record<string, string>>

export interface TrustGroup {
  readonly uses: number
  readonly args: ArgumentRule
  readonly names: ModuleNames
}
