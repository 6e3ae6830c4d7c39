export type { NestedBytes, PickleContext, PickleScan, PickleSighting } from './context.ts'
export { PICKLE_RULES } from './rules.ts'
export { scanNumpy } from './scan-numpy.ts'
export { looksLikePickle, scanPickle } from './scan-pickle.ts'
