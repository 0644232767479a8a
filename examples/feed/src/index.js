// fnctl invoke feed parse '{"xml":"<rss><channel><title>t</title><item><guid>1</guid><title>a</title></item></channel></rss>"}'
import { XMLParser } from "fast-xml-parser";
import * as kv from "fnode:kv";

const parser = new XMLParser({ ignoreAttributes: false, parseTagValue: false });

export async function parse({ xml }) {
  const channel = parser.parse(xml)?.rss?.channel;
  if (!channel) throw new Error("this is no RSS feed");
  const items = [channel.item ?? []].flat().map((i) => ({ guid: text(i.guid ?? i.link), title: i.title, link: i.link }));
  const fresh = [];
  for (const item of items) {
    const key = "seen/" + item.guid;
    if ((await kv.get(key)) === undefined) {
      await kv.set(key, { title: item.title });
      fresh.push(item);
    }
  }
  return { title: channel.title, items: items.length, fresh };
}

export async function seen() {
  return (await kv.list("seen/")).map((k) => k.slice("seen/".length));
}

export async function forget() {
  for (const k of await kv.list("seen/")) await kv.delete(k);
  return true;
}

const text = (v) => (typeof v === "object" ? v["#text"] : v);
