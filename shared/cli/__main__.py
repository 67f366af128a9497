from shared.cli.app import main

if __name__ == "__main__":  # a bench measures memory in a process that imports this again
    main()
