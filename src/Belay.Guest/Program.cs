return Belay.Guest.CommandServer.Run();
