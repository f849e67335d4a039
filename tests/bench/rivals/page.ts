import { Results } from "./results";
export async function writePage(results: Results): Promise<void> {
  console.log(JSON.stringify(results));
}
