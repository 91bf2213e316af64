// CometD's server for Node, with its acknowledgement extension.
//
//   node cometd-nodejs-server.mjs [--timeout ms] [--max-interval ms]

import cometd from "cometd-nodejs-server";
import ack from "cometd-nodejs-server/ack-extension.js";
import { isRefused, launch, numbers, Vacancies } from "./control.mjs";

const { timeout, "max-interval": maxInterval } = numbers({ timeout: 300, "max-interval": 2_000 });
const server = cometd.createCometDServer({ timeout, maxInterval, sweepPeriod: 250 });
server.addExtension(new ack.AcknowledgedMessagesExtension());
const permit = (_session, _message, channel, callback) => callback(null, !isRefused(channel.name));
server.policy = { canSubscribe: permit, canPublish: permit };

// This server's way to answer a remote call of CometD's clients: the reply itself holds the data. It cannot say that it failed.
server.createServerChannel("/service/echo").addListener("message", (_session, _channel, message, callback) => {
  message.reply.data = message.data;
  callback();
});

const vacancies = new Vacancies((channel) => !server.getServerChannel(channel)?.subscribers.length);
server.addListener("unsubscribed", (channel) => vacancies.check(channel.name));

launch({
  bayeux: server.handle,
  publish(channel, data) {
    for (const item of data) server.createServerChannel(channel).publish(null, item);
  },
  vacancies,
});
