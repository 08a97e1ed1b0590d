// Everything the other scripts stand on: the build and the Python environment.
import { setUp } from './project.mjs'

setUp()
