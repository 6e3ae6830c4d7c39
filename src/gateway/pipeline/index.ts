export { type DecideOptions, decide } from './decide.ts'
