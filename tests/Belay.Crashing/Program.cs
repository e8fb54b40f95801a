using System.Globalization;
using Belay.Crashing;
using Belay.Server;
using Belay.Server.Logging;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

// Belay.Crashing DATA PORT RECORD [SESSION STEP before|after|stored]: the real server, whose journal writes to the file RECORD what is done with it,
// and kills the process before or after a step of a session, or when that is stored. It serves until somebody kills it.
var settings = new ServerSettings { DataDirectory = args[0], Port = int.Parse(args[1], CultureInfo.InvariantCulture) };
var death = args.Length > 3 ? new Death(args[3], args[4], args[5]) : null;
var replacements = new ServerReplacements { Journal = journal => new DyingJournal(journal, args[2], death) };
var parts = await ServerParts.OpenAsync(settings, replacements, NullLoggerFactory.Instance, new LogLevels(LogLevel.None), CancellationToken.None);
await using var server = BelayServer.Create(settings, parts);
await server.StartAsync(CancellationToken.None);
Console.WriteLine(server.Address);
await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, CancellationToken.None);
