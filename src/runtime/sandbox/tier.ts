/** How a worker is isolated from the machine, strongest first. */
export type SandboxTier = 'bubblewrap' | 'process'

/** A command that runs the worker's program inside a tier. */
export interface Launch {
  readonly tier: SandboxTier
  readonly command: string
  readonly arguments: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly workingDirectory: string
}
