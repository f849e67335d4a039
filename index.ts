// All of it is in the library, so that a project elsewhere has the same program.
import { program } from "./components/program";

export = program;
