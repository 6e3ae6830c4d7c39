import { Option } from 'commander'
import { DEFAULT_STATE, findState } from '../server/index.ts'

export interface StateOptions {
  readonly state?: string
  readonly config?: string
  readonly json?: boolean
}

export const stateOption = (): Option =>
  new Option('--state <dir>', `state folder (default: ${DEFAULT_STATE}, else the demo's)`).env(
    'SALLYPORT_STATE',
  )
export const configOption = (): Option =>
  new Option('--config <file>', 'sallyport.yaml').env('SALLYPORT_CONFIG')
export const jsonOption = (): Option => new Option('--json', 'print JSON')

/** The state folder that was named, or the one that is there. */
export function statePath(options: StateOptions): string {
  return options.state ?? findState(process.cwd())
}
