/** The security measures of the pipeline: a folder each, plugged in the same way. */
export { inputSchema } from './input-schema/index.ts'
