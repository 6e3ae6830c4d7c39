export type { Hdf5Attribute, Hdf5Reading } from './read-hdf5.ts'
export { findHdf5, readHdf5 } from './read-hdf5.ts'
